// Two hosts meet over both transports and stop, over each libp2p; the process must then end by itself.
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'
import { createTabLibp2p } from '../../src/host/tab-libp2p.ts'
import { ScriptedHost } from './libp2p-scripted.ts'
import { runHostsOver } from './libp2p-under-test.ts'

async function meetAndStop(): Promise<void> {
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
}

runHostsOver(createTabLibp2p)
await meetAndStop()
const left = process.getActiveResourcesInfo()
if (left.includes('Timeout')) throw new Error(`expected no timer after stop, got ${left.join(', ')}`)
runHostsOver(createNodejsLibp2p)
await meetAndStop()
console.info('stopped')
