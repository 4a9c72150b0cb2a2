//! Words to values and back: arguments, terminals, hints, exit codes.
