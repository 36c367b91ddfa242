import type { Connection, MultiaddrConnection } from '@libp2p/interface'

/**
 * Ends a connection at once. The WebSocket transport (10.1) aborts with close code 1006, which every WebSocket refuses,
 * so its socket would stay open for as long as the remote likes: it is ended here.
 */
export function abortConnection(connection: Connection, error: Error): void {
  connection.abort(error)
  endSocket((connection as Connection & { readonly maConn?: MultiaddrConnection }).maConn)
}

/** The same for what is no connection yet. */
export function abortRawConnection(raw: MultiaddrConnection, error: Error): void {
  raw.abort(error)
  endSocket(raw)
}

function endSocket(raw: MultiaddrConnection | undefined): void {
  const { websocket } = (raw ?? {}) as { readonly websocket?: { terminate?(): void; close(): void } }
  if (websocket?.terminate !== undefined) websocket.terminate()
  else websocket?.close()
}
