/** The tests of the host, over the libp2p for tabs; here it listens on sockets too, as the transports are libp2p's own. */
import { describe } from 'vitest'
import { createTabLibp2p } from '../../src/host/tab-libp2p.ts'
import { runHostsOver } from './libp2p-under-test.ts'

runHostsOver(createTabLibp2p)

describe('over the libp2p for tabs', async () => {
  await import('./libp2p-host.test.ts')
  await import('./libp2p-dial.test.ts')
  await import('./libp2p-hostile.test.ts')
  await import('./libp2p-bulk.test.ts')
  await import('./simultaneous-dial.test.ts')
  await import('./light-nodes-sync.test.ts')
  await import('./light-nodes-refusals.test.ts')
  await import('./exchange-host.test.ts')
  await import('./exchange-silent.test.ts')
  await import('./exchange-helia-host.test.ts')
})
