/** Which gateway this page belongs to: asked of the server it came from, or chosen by a person and remembered. */

export interface Gateway {
  readonly url: string
  /** `bitcoin:mainnet` */
  readonly chain: string
  /** It mines its own blocks on regtest rules. */
  readonly isPractice: boolean
}

export type GatewayLookup =
  | { readonly type: 'found'; readonly gateway: Gateway }
  /** No answer at all; the browser does not say why. */
  | { readonly type: 'unreachable'; readonly detail: string }
  | { readonly type: 'not-a-gateway'; readonly detail: string }

const STORAGE_KEY = 'rushlight-gateway'
/** Three round trips on a bad line; a person is waiting. */
const LOOKUP_TIMEOUT_MS = 10_000

/** Never rejects. */
export async function lookUpGateway(url: string): Promise<GatewayLookup> {
  let response: Response
  try {
    response = await fetch(`${url}/api/addresses`, {
      signal: AbortSignal.timeout(LOOKUP_TIMEOUT_MS),
      cache: 'no-store',
      credentials: 'omit',
    })
  } catch (error) {
    return { type: 'unreachable', detail: error instanceof Error ? error.message : String(error) }
  }
  const found = `${response.status} ${response.headers.get('content-type') ?? 'without a type'}`
  const detail = `expected JSON with a chain from ${url}/api/addresses, got ${found}`
  if (!response.ok) return { type: 'not-a-gateway', detail }
  try {
    const answer: unknown = await response.json()
    if (typeof answer !== 'object' || answer === null || !('chain' in answer) || typeof answer.chain !== 'string') {
      return { type: 'not-a-gateway', detail }
    }
    const isPractice = 'practice' in answer && answer.practice === true
    return { type: 'found', gateway: { url, chain: answer.chain.slice(0, 64), isPractice } }
  } catch {
    return { type: 'not-a-gateway', detail }
  }
}

/** The gateway of the last visit. Undefined where there is none or the browser keeps nothing. */
export function recallGateway(): Gateway | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null')
    if (typeof stored !== 'object' || stored === null) return undefined
    const { url, chain, isPractice } = stored as Partial<Record<keyof Gateway, unknown>>
    if (typeof url !== 'string' || typeof chain !== 'string') return undefined
    return { url, chain, isPractice: isPractice === true }
  } catch {
    return undefined
  }
}

export function rememberGateway(gateway: Gateway): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(gateway))
  } catch {
    // Storage is off or full: the page asks again next time.
  }
}

export function forgetGateway(): void {
  try {
    localStorage.removeItem(STORAGE_KEY)
  } catch {
    // Nothing was remembered then.
  }
}
