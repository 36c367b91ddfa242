// A module of ours, so that a bundler takes these two and leaves the rest.
export { webRTC, webRTCDirect } from '@libp2p/webrtc'
