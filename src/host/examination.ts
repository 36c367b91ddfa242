import type { Root } from '../core/ids.ts'

/** How far an address can get, in order. `resolved`: it is known what to dial; `secured`: the peer has proved who it is. */
export type ExaminationStep = 'resolved' | 'connected' | 'secured' | 'handshake' | 'same-chain'

/** Why an address got no further. */
export type ExaminationCause =
  | 'invalid-address'
  | 'name-not-found'
  /** Something answers at that URL, and it is no gateway. */
  | 'not-a-gateway'
  /** This platform has no transport for it, or the one it has does not load. */
  | 'no-transport'
  /** An encrypted page may not connect unencrypted. */
  | 'mixed-content'
  /** The browser guards the local network. */
  | 'local-network'
  | 'nobody-listening'
  | 'no-route'
  | 'timeout'
  /** The certificate there is not the one whose hash the address names: it was renewed, or never was. */
  | 'wrong-certificate'
  | 'wrong-peer'
  | 'own-address'
  /** The relay answers; the peer behind it has no place there. */
  | 'not-at-relay'
  /** Something listens there, and it speaks no libp2p, or not this transport. */
  | 'not-libp2p'
  /** It speaks libp2p, and not Rushlight's handshake. */
  | 'not-rushlight'
  | 'hung-up'
  | 'wrong-chain'

/** What became of one address. */
export interface Examination {
  /** What was dialled: a multiaddr, or the URL or text as it was given where nothing could be dialled. */
  readonly address: string
  /** The gateway's URL that named the address; undefined for one that was given. */
  readonly gateway: string | undefined
  readonly isReachable: boolean
  /**
   * The steps that were taken, in order. WebTransport and WebRTC are secured while they connect: then `connected` has most of
   * the time of both.
   */
  readonly steps: readonly { readonly step: ExaminationStep; readonly durationMs: number }[]
  /** Undefined when it is reachable. `message` is one line for people. */
  readonly failure:
    | {
        readonly step: ExaminationStep
        readonly cause: ExaminationCause
        readonly message: string
        readonly durationMs: number
      }
    | undefined
  /** What the peer says of itself; undefined where it was not asked. */
  readonly peer:
    | {
        readonly id: string
        readonly agent: string
        readonly chain: string
        readonly genesis: Root
        readonly height: number
      }
    | undefined
}

export interface DiagnoseOptions {
  /**
   * The chain that peers should be on. Without it a gateway's peers are held to what the gateway says, and of others the chain
   * is only told.
   */
  readonly chain?: { readonly id: string; readonly genesis: Root }
  /** For each address, all its steps together. Default: 10,000. */
  readonly timeoutMs?: number
  /** For WebRTC; no server is contacted unless it is named here. */
  readonly rtcConfiguration?: unknown
  readonly signal?: AbortSignal
  /** Told of each address as soon as it is done. */
  readonly onExamined?: (examination: Examination) => void
}

/**
 * Tries addresses one after the other, each with the transports of `createLightNode` and a key of its own, and tells how far it
 * came. A gateway's URL stands for all addresses that it names. Rejects only with `signal.reason`.
 */
export type Diagnose = (addresses: readonly string[], options?: DiagnoseOptions) => Promise<readonly Examination[]>

const STEP_WORDS: Readonly<Record<ExaminationStep, string>> = {
  resolved: 'resolved',
  connected: 'connected',
  secured: 'secured',
  handshake: 'handshake',
  'same-chain': 'same chain',
}

/** Two lines or three for people: the address, what became of it, and who answered. */
export function describeExamination({ address, gateway, isReachable, steps, failure, peer }: Examination): string {
  const taken = steps.map(({ step, durationMs }) => `${STEP_WORDS[step]} (${durationMs} ms)`)
  const way = taken.join(', ')
  const lines = [gateway === undefined || gateway === address ? address : `${address} (of ${gateway})`]
  if (isReachable) lines.push(`  reachable: ${way}`)
  if (failure !== undefined) {
    const after = `failed at “${STEP_WORDS[failure.step]}” after ${failure.durationMs} ms`
    lines.push(`  not reachable: ${way === '' ? '' : `${way}, `}${after} [${failure.cause}]`, `  ${failure.message}`)
  }
  if (peer !== undefined) lines.push(`  peer: ${peer.agent} on ${peer.chain}, height ${peer.height}`)
  return lines.join('\n')
}
