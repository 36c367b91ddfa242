// Two hosts meet over both transports and stop; the process must then end by itself.
import { ScriptedHost } from './libp2p-scripted.ts'

const bob = await ScriptedHost.start({ listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] })
const peers: ScriptedHost[] = []
for (const address of bob.host.addresses) {
  const peer = await ScriptedHost.start({ listen: [] })
  const connection = await peer.connect(address)
  bob.answerHandshakes()
  peer.askHandshake(connection)
  await peer.saw('handshake-answered')
  // Never answered: its stream is open when we stop.
  await bob.inbound()
  peer.askHandshake(connection, { request: 2 })
  peers.push(peer)
}
await Promise.all([bob, ...peers].map(({ host }) => host.stop()))
console.info('stopped')
