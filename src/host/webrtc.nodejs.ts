import { PeerConnection } from 'node-datachannel'

// The build puts the package's code here: it depends on react-native, which nobody who installs us should get.
export { webRTC, webRTCDirect } from '@libp2p/webrtc'

/**
 * Until its first connection prepares itself the native part prints a line on stdout for whatever datagram it cannot read, so
 * that any stranger could fill a disk. This one goes nowhere; it takes 10 ms.
 */
export function silenceWebRtc(): void {
  const connection = new PeerConnection('silence', {
    iceServers: [],
    disableAutoNegotiation: true,
    disableAutoGathering: true,
  })
  connection.createDataChannel('')
  connection.setLocalDescription('offer')
  connection.close()
}
