//! Everything that is tested from outside: one binary, a module a journey.

mod cases;
mod simulation;
