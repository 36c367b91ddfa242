import type { Transport } from '@libp2p/interface'
import type { CertificateStorage } from './certificate-rotation.nodejs.ts'
import type { Libp2pComponents } from './libp2p-core.ts'
import { loadWebTransportAddon } from './webtransport-addon.nodejs.ts'
import { webTransportDialler } from './webtransport-dialler.ts'
import { WebTransportListener } from './webtransport-listener.nodejs.ts'
import { openAddonSession } from './webtransport-session.nodejs.ts'

/** To dial and to listen. Rejects with one line where the addon does not load. */
export async function loadWebTransport(
  storage: CertificateStorage,
): Promise<(components: Libp2pComponents) => Transport> {
  const addon = await loadWebTransportAddon()
  const dialler = webTransportDialler(openAddonSession(addon))
  return (components) =>
    Object.assign(dialler(components), {
      createListener: ({ upgrader }: Parameters<Transport['createListener']>[0]) =>
        new WebTransportListener({ addon, storage, components, upgrader }),
    })
}
