//! One file per report: what a person reads on a terminal. Answer first, then
//! why, then what to type next; aligned columns, no boxes, colour only adds.
