/** The page of a tab that reads a raw stream, and keeps its bytes as headers that nobody verifies, or does not. */
import { joinBytes } from '../../../src/core/join-bytes.ts'
import { createTabLibp2p } from '../../../src/host/tab-libp2p.ts'
import { browserTransports } from '../../../src/host/transports.browser.ts'
import { createIndexedDbStore } from '../../../src/store/indexeddb.ts'
import { createRaw, readRaw } from './raw-stream.ts'

declare global {
  interface Window {
    /** Milliseconds from asking to the last byte; with `isStored` until it is in IndexedDB. */
    readRaw(address: string, totalBytes: number, isStored?: boolean): Promise<number>
  }
}

const HEADER_SIZE_BYTES = 80

const transports = browserTransports({ transports: ['websockets', 'webtransport'], rtcConfiguration: undefined })
const raw = createRaw({ createLibp2p: createTabLibp2p, transports, listen: [] })

window.readRaw = async (address, totalBytes, isStored = false) => {
  const libp2p = await raw
  if (!isStored) return readRaw(libp2p, address, totalBytes)
  const store = createIndexedDbStore({ chain: 'raw', genesis: '', headerSizeBytes: HEADER_SIZE_BYTES })
  let headerCount = (await store.open()).headerCount
  let rest = new Uint8Array(0)
  return readRaw(libp2p, address, totalBytes, async (pieces) => {
    const bytes = joinBytes([rest, ...pieces])
    const count = Math.floor(bytes.length / HEADER_SIZE_BYTES)
    rest = bytes.slice(count * HEADER_SIZE_BYTES)
    const append = bytes.subarray(0, count * HEADER_SIZE_BYTES)
    await store.write([{ truncateTo: headerCount, append, work: BigInt(headerCount) }])
    headerCount += count
  })
}
