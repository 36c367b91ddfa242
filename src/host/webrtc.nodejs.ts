// The build puts the package's code here: it depends on react-native, which nobody who installs us should get.
export { webRTC, webRTCDirect } from '@libp2p/webrtc'
