import { orAborted } from './tab-signal.ts'
import type { OpenSession } from './webtransport-dialler.ts'
import type { RawSession, RawStream } from './webtransport-session.ts'

export { webTransportDialler } from './webtransport-dialler.ts'

/** With the browser's own WebTransport. */
export const openBrowserSession: OpenSession = async ({ url, hashes, signal }) => {
  signal.throwIfAborted()
  const session = new WebTransport(url, {
    serverCertificateHashes: hashes.map((value) => ({ algorithm: 'sha-256', value })),
  })
  // Who gives up does not hear of it; the browser must not report it either.
  session.closed.catch(() => {})
  try {
    await orAborted(session.ready, signal)
  } catch (error) {
    session.close()
    throw error
  }
  return rawSession(session)
}

function rawSession(session: WebTransport): RawSession {
  const incoming =
    session.incomingBidirectionalStreams.getReader() as ReadableStreamDefaultReader<WebTransportBidirectionalStream>
  return {
    acceptStream: async () => {
      const { value } = await incoming.read()
      return value === undefined ? undefined : rawStream(value)
    },
    openStream: async () => rawStream(await session.createBidirectionalStream()),
    close: () => session.close(),
    closed: session.closed,
  }
}

function rawStream(stream: WebTransportBidirectionalStream): RawStream {
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const writer = stream.writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>
  const ignore = (): void => {}
  writer.closed.catch(ignore)
  return {
    read: async () => (await reader.read()).value,
    write: async (bytes) => {
      const written = writer.write(bytes)
      written.catch(ignore)
      await writer.ready
    },
    finish: () => writer.close(),
    reset: () => {
      writer.abort().catch(ignore)
      reader.cancel().catch(ignore)
    },
    stopReading: () => void reader.cancel().catch(ignore),
  }
}
