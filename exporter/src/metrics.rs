//! Part of the agent.
