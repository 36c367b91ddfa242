/** Apart from the transports themselves, which load with the host: options are checked before. */
export type NodejsTransportName = 'tcp' | 'websockets' | 'webrtc-direct' | 'webtransport' | 'webrtc'

export const NODEJS_TRANSPORTS: readonly NodejsTransportName[] = [
  'tcp',
  'websockets',
  'webrtc-direct',
  'webtransport',
  'webrtc',
]
