//! The mini program's three requests over HTTP.
