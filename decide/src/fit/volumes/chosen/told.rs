//! Which of the volumes that kube-scheduler takes is the wrong one, and why.

use std::sync::Arc;

use super::{Kind, Place, Play};
use crate::fit::volumes::misfit::{Chosen, Harm, VolumeMisfit};
use crate::fit::volumes::{ClaimDemand, FileSystemOffer, FreeVolume};

impl<'p> Play<'p> {
    /// Some of these claims have no volumes by now: says which of those that are gone they would have taken.
    pub(super) fn none_left(
        &self,
        claims: &[ClaimDemand],
        mut missing: VolumeMisfit,
    ) -> VolumeMisfit {
        if self.chosen.is_empty() {
            return missing;
        }
        let mut turns = 0..self.chosen.len();
        let took = |turn: &usize| Some((self.kind_of(*turn)?, self.volume_of(*turn)?));
        let culprit = match &mut missing {
            VolumeMisfit::TooFew {
                claims: names,
                class,
                free,
                ..
            } => {
                let of_class = |(_, volume): &(_, &FreeVolume)| *volume.class == **class;
                let gone = turns.clone().filter_map(|at| took(&at)).filter(of_class);
                *free = free.saturating_sub(gone.count());
                let lacking = || claims.iter().filter(|claim| names.contains(&claim.name));
                let wanted = |at: &usize| {
                    let took = took(at);
                    took.is_some_and(|(_, volume)| lacking().any(|claim| claim.takes(volume)))
                };
                turns.find(wanted)
            }
            VolumeMisfit::NoSpace { .. }
            | VolumeMisfit::Held { .. }
            | VolumeMisfit::Chosen(_)
            | VolumeMisfit::TooManyWays { .. } => {
                let is_tight = |(kind, _): (&Kind, _)| matches!(kind.place, Place::Tight(_));
                turns.find(|at| took(at).is_some_and(is_tight))
            }
        };
        self.misfit(culprit.unwrap_or(0), Harm::NoneLeft(Box::new(missing)))
    }

    pub(super) fn no_space(&self, file_system: usize, claim: &ClaimDemand) -> Harm {
        let bytes = |of: &[FileSystemOffer]| of.get(file_system).map_or(0, |it| it.free_bytes);
        let free = bytes(self.volumes.file_systems);
        let taken = free.saturating_sub(bytes(&self.room));
        Harm::NoSpace {
            needs: taken.saturating_add(claim.bytes),
            free,
        }
    }

    fn kind_of(&self, turn: usize) -> Option<&Kind> {
        self.kinds.get(self.chosen.get(turn)?.kind)
    }

    fn volume_of(&self, turn: usize) -> Option<&'p FreeVolume> {
        let volumes = match self.kind_of(turn)?.place {
            Place::Spoilt => self.volumes.spoilt,
            Place::Roomy | Place::Tight(_) => self.volumes.usable,
        };
        volumes.get(self.chosen.get(turn)?.volume)
    }

    pub(super) fn misfit(&self, turn: usize, harm: Harm) -> VolumeMisfit {
        let claim = self.turns.get(turn);
        let volume = self.volume_of(turn);
        VolumeMisfit::Chosen(Chosen {
            class: claim.map_or("", |it| &it.class).to_owned(),
            claim: claim.map_or("", |it| &it.name).to_owned(),
            volume: volume.map(|it| Arc::clone(&it.name)).unwrap_or_default(),
            bytes: volume.map_or(0, |it| it.bytes),
            equals: self.chosen.get(turn).map_or(0, |it| it.equals),
            harm,
        })
    }
}
