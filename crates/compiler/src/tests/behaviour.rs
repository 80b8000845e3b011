//! What the compiler makes of declarations.
