/**
 * vitest's global setup: a desk on loopback where a test, in Node.js or in a tab, orders gateways on regtest headers and
 * has them mine. What it needs of Rushlight is loaded with the first order, so other runs pay for one listener only.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import type { TestProject } from 'vitest/node'
import type { GatewayDesk } from './gateway-desk-process.ts'

declare module 'vitest' {
  interface ProvidedContext {
    gatewayDeskUrl: string
    /** A port that accepts connections and never says a word. */
    silentPort: number
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let desk: Promise<GatewayDesk> | undefined
  const openDesk = async (): Promise<GatewayDesk> => {
    const { GatewayDesk: Desk } = await import('./gateway-desk-process.ts')
    return new Desk()
  }
  const server = createServer((request, response) => {
    desk ??= openDesk()
    desk
      .then(async (opened) => opened.order(JSON.parse(await textOf(request)) as Parameters<GatewayDesk['order']>[0]))
      .then(
        (answer) => [200, JSON.stringify(answer ?? null)] as const,
        (error: unknown) => [500, String(error)] as const,
      )
      .then(([status, text]) => {
        response.writeHead(status, { 'access-control-allow-origin': '*' })
        response.end(text)
      })
      .catch((error: unknown) => console.error(error))
  })
  const sockets = new Set<Socket>()
  const silent = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  project.provide('gatewayDeskUrl', `http://127.0.0.1:${await listen(server)}/`)
  project.provide('silentPort', await listen(silent))
  return async () => {
    server.closeAllConnections()
    server.close()
    for (const socket of sockets) socket.destroy()
    silent.close()
    await (await desk)?.close()
  }
}

function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
