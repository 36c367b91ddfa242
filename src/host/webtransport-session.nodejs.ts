import { orAborted } from './tab-signal.ts'
import type { AddonSession, AddonStream, WebTransportAddon } from './webtransport-addon.nodejs.ts'
import type { OpenSession } from './webtransport-dialler.ts'
import type { RawSession, RawStream } from './webtransport-session.ts'

const READ_BYTES_MAX: number = 64 * 1024

/** To dial with. A session that opens after it was given up is closed. */
export function openAddonSession(addon: WebTransportAddon): OpenSession {
  return async ({ url, hashes, signal }) => {
    const client = addon.NapiClient.withCertificateHashes(hashes.map((hash) => Buffer.from(hash)))
    const connecting = client.connect(url)
    try {
      return rawAddonSession(await orAborted(connecting, signal))
    } catch (error) {
      connecting.then((session) => session.close(0, '')).catch(() => {})
      throw error
    }
  }
}

/** A session of the addon, with what a browser's has. */
export function rawAddonSession(session: AddonSession): RawSession {
  void refuseOneWayStreams(session)
  return {
    acceptStream: async () => rawAddonStream(await session.acceptBi()),
    openStream: async () => rawAddonStream(await session.openBi()),
    close: () => session.close(0, ''),
    closed: session.closed(),
  }
}

/** libp2p has none. Unread ones would be kept by the addon: a hundred a session, each with a megabyte and more. */
async function refuseOneWayStreams(session: AddonSession): Promise<void> {
  try {
    for (;;) await (await session.acceptUni()).stop(0)
  } catch {
    // The session is over.
  }
}

function rawAddonStream(stream: AddonStream): RawStream {
  const send = stream.takeSend()
  const receive = stream.takeRecv()
  const ignore = (): void => {}
  return {
    read: async () => (await receive.read(READ_BYTES_MAX)) ?? undefined,
    write: (bytes) => send.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    finish: () => send.finish(),
    reset: () => {
      send.reset(0).catch(ignore)
      receive.stop(0).catch(ignore)
    },
    stopReading: () => void receive.stop(0).catch(ignore),
  }
}
