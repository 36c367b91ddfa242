/** In a file of their own, because options are checked before the host and its transports are loaded. */
export type NodejsTransportName = 'tcp' | 'websockets' | 'webrtc-direct' | 'webtransport' | 'webrtc'

/** What is tried first comes first. */
export const NODEJS_TRANSPORTS: readonly NodejsTransportName[] = [
  'tcp',
  'websockets',
  'webtransport',
  'webrtc-direct',
  'webrtc',
]
