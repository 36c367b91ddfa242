import { createSocket } from 'node:dgram'
import { IceUdpMuxListener, type IceUdpMuxRequest } from 'node-datachannel'

/** How long the ports hold a process with nothing else left to do, at the most. */
const IDLE_CHECK_MS = 250
/** Resources that Node.js counts as active though they hold no process: what its output goes to. */
const PASSIVE_RESOURCES: ReadonlySet<string> = new Set(['PipeWrap', 'TTYWrap'])

export interface StunPort {
  readonly port: number
  /** Nothing more is told; the port itself stays bound for the next listener of this process, or until the process ends. */
  release(): void
}

interface Held {
  readonly listener: IceUdpMuxListener
  readonly host: string
  readonly port: number
  /** Undefined while nobody listens. */
  onRequest: ((request: IceUdpMuxRequest) => void) | undefined
}

/**
 * UDP ports that were opened for WebRTC-Direct. In node-datachannel 0.33 a listener that is stopped may stay registered
 * with its memory freed, and the next request that comes kills the process: so none is stopped while anything else goes on
 * here, and whoever listens on its port again gets it back. Bounded by how many were ever open at the same time.
 */
const ports: Held[] = []
let idleCheck: NodeJS.Timeout | undefined

/** Tells of each STUN binding request that comes from a stranger. Port 0 takes any free port. Rejects where none can be bound. */
export async function openStunPort(
  host: string,
  port: number,
  onRequest: (request: IceUdpMuxRequest) => void,
): Promise<StunPort> {
  const held = idlePort(host, port) ?? create(host, port === 0 ? await freeUdpPort(host) : port)
  held.onRequest = onRequest
  return {
    port: held.port,
    release: () => {
      // A second time it may be somebody else's by now.
      if (held.onRequest === onRequest) held.onRequest = undefined
      idleCheck ??= setInterval(endWithProcess, IDLE_CHECK_MS).unref()
    },
  }
}

/** Bound by this process, and nobody listens on it. */
export function isIdleStunPort(host: string, port: number): boolean {
  return port !== 0 && idlePort(host, port) !== undefined
}

function idlePort(host: string, port: number): Held | undefined {
  return ports.find((held) => {
    return held.onRequest === undefined && held.host === host && (port === 0 || held.port === port)
  })
}

function create(host: string, port: number): Held {
  const listener = new IceUdpMuxListener(port, host)
  const held: Held = { listener, host, port, onRequest: undefined }
  listener.onUnhandledStunRequest((request) => held.onRequest?.(request))
  ports.push(held)
  return held
}

/** Stops every listener once nothing but the listeners keeps the process from ending. */
function endWithProcess(): void {
  if (ports.some(({ onRequest }) => onRequest !== undefined)) return
  if (process.getActiveResourcesInfo().some((type) => !PASSIVE_RESOURCES.has(type))) return
  clearInterval(idleCheck)
  idleCheck = undefined
  for (const { listener } of ports.splice(0)) listener.stop()
}

/** Looked for here, because the native part does not take port 0 to mean any. */
function freeUdpPort(host: string): Promise<number> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ port: 0, address: host, exclusive: true }, () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}
