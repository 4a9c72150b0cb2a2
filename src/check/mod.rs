//! Findings and the rules that make them: one file per rule. Pure.
