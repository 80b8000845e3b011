// Istio's own resource definitions, which ours are compared with on a real API server. Nothing of it is built;
// `go mod download` fetches it, and go.sum says what it must be.
module ferromesh.test/e2e/istio

go 1.26

require istio.io/api v1.31.4
