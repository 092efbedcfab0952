//! The cluster's scheduler alone: nobody else has a say.

use crate::fill::{Say, Stage};

/// Nobody.
pub(crate) struct Nobody;

impl Say for Nobody {
    fn comes(&mut self, _: usize) {}

    fn points(&mut self, _: usize, _: Stage, nodes: &[usize]) -> Vec<Option<u64>> {
        vec![Some(0); nodes.len()]
    }

    fn bound(&mut self, _: usize, _: usize, _: usize, _: usize) {}

    fn runs(&mut self, _: usize, _: usize) {}

    fn gives_up(&mut self, _: usize) {}
}
