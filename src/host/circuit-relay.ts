// A module of ours, so that a bundler takes this one and leaves the server.
export { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
