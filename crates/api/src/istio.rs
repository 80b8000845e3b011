//! Istio's kinds (Istio 1.31, all served versions share one schema). One file per kind; messages
//! that several kinds share have files of their own.
