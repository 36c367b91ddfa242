/** What the doctor found, in plain words, and what one can do about it. Pure. */
import type { ExaminationCause } from '../src/browser-doctor.ts'

const GATEWAY_AGAIN = 'Ask for the address again, or give the gateway’s URL, which leads to the current one.'
const IS_IT_RUNNING = 'Is it running, is the address right, and does a firewall let this through?'

const WORDS: Readonly<Record<ExaminationCause, readonly [headline: string, advice: string]>> = {
  'invalid-address': [
    'That is not an address.',
    'It looks like https://gateway.example, or like /dns4/gateway.example/tcp/443/tls/ws.',
  ],
  'name-not-found': ['There is no such host name.', 'Check its spelling, and that this machine is online.'],
  'not-a-gateway': [
    'Something answers at that URL, but it is not a Rushlight gateway.',
    'Check the URL with whoever runs the gateway.',
  ],
  'no-transport': [
    'This browser cannot dial that kind of address.',
    'Tabs dial WebSockets, WebTransport and WebRTC, each only where the browser has it and the address names its certificate.',
  ],
  'mixed-content': [
    'The browser blocks it: this page is encrypted, that address is not.',
    'Use the peer’s encrypted address (https://… or …/tls/ws), or open this page from the gateway itself.',
  ],
  'local-network': [
    'The browser guards the local network.',
    'Allow this site to reach local devices, or open this page from the gateway itself.',
  ],
  'nobody-listening': ['Nobody answers there.', IS_IT_RUNNING],
  'no-route': [
    'There is no way to that address from here.',
    'Is this machine online, and in the same network as a private address?',
  ],
  timeout: ['It took too long.', 'A firewall may drop what is sent there, or the line is very slow.'],
  'wrong-certificate': [
    'The certificate there is not the one in the address.',
    `Gateways renew theirs within two weeks. ${GATEWAY_AGAIN}`,
  ],
  'wrong-peer': ['Somebody else answers there.', `The peer has a new key, or the address is old. ${GATEWAY_AGAIN}`],
  'own-address': ['That is this tab’s own address.', ''],
  'not-at-relay': [
    'The relay answers, but the tab behind it is gone.',
    'A shared link works as long as the tab that shared it is open and connected.',
  ],
  'not-libp2p': [
    'Something listens there, but not for peers.',
    'Is the port right? A gateway’s WebSocket has the port of its page.',
  ],
  'not-rushlight': [
    'It is a peer, but it does not speak Rushlight.',
    'It may exchange blocks; headers do not come from it.',
  ],
  'hung-up': ['It hung up.', 'It may be full, may have turned this machine away, or may be another kind of server.'],
  'wrong-chain': ['It follows another chain.', 'Connect a peer of the chain that this page shows.'],
}

export function causeWords(cause: ExaminationCause): { readonly headline: string; readonly advice: string } {
  const [headline, advice] = WORDS[cause]
  return { headline, advice }
}
