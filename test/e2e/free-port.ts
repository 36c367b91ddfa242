import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'

const ATTEMPTS_MAX = 32

/** A port that is free for TCP and UDP, as is the next one for UDP: what a gateway takes when it is given one. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = await freeTcpPort()
    if ((await isUdpPortFree(port)) && (await isUdpPortFree(port + 1))) return port
  }
  throw new Error(`found no free port in ${ATTEMPTS_MAX} attempts`)
}

async function freeTcpPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function isUdpPortFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}
