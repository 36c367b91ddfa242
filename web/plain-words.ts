/** Why a connection did not come about, and what one can do about it, in plain words. Pure. */
import type { GatewayLookup } from './gateway.ts'
import { isLocalNetwork, isLoopback, readAddress } from './address.ts'

export interface Problem {
  readonly headline: string
  /** What to do about it; empty when there is nothing to add. */
  readonly advice: string
  /** What the machinery said, for those who want to know; empty when the headline says it all. */
  readonly detail: string
}

/** Where this page itself came from; browsers decide by it what may be dialled. */
export interface PageOrigin {
  /** `https:` or `http:` */
  readonly protocol: string
  readonly hostname: string
}

const ADDRESS_EXAMPLES =
  'Paste a gateway’s URL, such as https://gateway.example, or a multiaddr that ends in /ws or /wss, such as /dns4/gateway.example/tcp/443/tls/ws.'

const STOPPED: Problem = {
  headline: 'This light node has stopped.',
  advice: 'Load the page again to start it.',
  detail: '',
}

/** `code` is a `LightNodeErrorCode`, or undefined for an error that is none. */
export function explainConnectFailure(failure: {
  readonly code: string | undefined
  readonly message: string
  readonly address: string
  readonly page: PageOrigin
}): Problem {
  const { code, message } = failure
  switch (code) {
    case 'invalid-address':
      return { headline: 'That is not an address that Rushlight can read.', advice: ADDRESS_EXAMPLES, detail: message }
    case 'wrong-chain':
      return {
        headline: 'That peer follows another chain, so it was refused.',
        advice: 'Nothing was taken from it. Connect a peer of the chain this page shows.',
        detail: message,
      }
    case 'peer-refused':
      return {
        headline: 'The peer answered, but it will not do.',
        advice: 'It may be full, may have turned this tab away, or may not speak Rushlight’s protocol.',
        detail: message,
      }
    case 'no-peers':
      return { headline: 'There is nobody to dial.', advice: ADDRESS_EXAMPLES, detail: '' }
    case 'stopped':
      return STOPPED
    default:
      return { ...explainUnreached(failure.address, failure.page), detail: message }
  }
}

/** Why a block could not be opened; `code` is a `LightNodeErrorCode`, or one of the two that the page finds itself. */
export function explainBlockFailure(failure: { readonly code: string | undefined; readonly message: string }): Problem {
  const { code, message } = failure
  switch (code) {
    case 'invalid-place':
      return {
        headline: 'That is neither a height nor a block hash.',
        advice: 'A height is a whole number, such as 363703; a hash has 64 hex digits.',
        detail: '',
      }
    case 'unknown-height':
      return {
        headline: 'This tab knows no block at that height.',
        advice: 'Wait until more headers are verified, or choose a lower one.',
        detail: message,
      }
    case 'not-found':
      return {
        headline: 'Nobody connected here has this block.',
        advice: 'Peers keep blocks only if they were given them. Connect one that has it, then open it again.',
        detail: message,
      }
    case 'invalid-block':
      return { headline: 'What came is not this block, so it was refused.', advice: '', detail: message }
    case 'stopped':
      return STOPPED
    default:
      return { headline: 'The block could not be opened.', advice: '', detail: message }
  }
}

/** Why headers could not be read from a file, or written to one. */
export function explainFileFailure(error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const detail = error instanceof Error ? error.message : String(error)
  switch (code) {
    case 'invalid-headers':
      return {
        headline: 'This file was refused.',
        advice: 'What came before the bad header was good, and is kept.',
        detail,
      }
    case 'store-unavailable':
      return { headline: 'The headers are good, but they could not be stored.', advice: '', detail }
    case 'not-found':
      return { headline: 'The chain changed meanwhile.', advice: 'Export it again.', detail }
    case 'stopped':
      return STOPPED
    default:
      return { headline: 'The file could not be read or written.', advice: '', detail }
  }
}

/** What a browser's own rules say about reaching `address` from `page`; the general case when no rule is in the way. */
export function explainUnreached(address: string, page: PageOrigin): Problem {
  const target = readAddress(address)
  const detail = ''
  if (target === undefined) {
    return { headline: 'That is not an address that Rushlight can read.', advice: ADDRESS_EXAMPLES, detail }
  }
  if (target.transport === 'none') {
    return {
      headline: 'A browser tab cannot dial that address.',
      advice: `Tabs reach peers over WebSockets, WebTransport and WebRTC; this address offers none of them. ${ADDRESS_EXAMPLES}`,
      detail,
    }
  }
  if (page.protocol === 'https:' && !target.isEncrypted && !isLoopback(target.host)) {
    return {
      headline: 'The browser blocks it: this page is encrypted, that address is not.',
      advice: 'Use the peer’s encrypted address (https://… or …/tls/ws), or open this page from the gateway itself.',
      detail,
    }
  }
  if (isLocalNetwork(target.host) && !isLocalNetwork(page.hostname)) {
    return page.protocol === 'https:'
      ? {
          headline: 'The browser may be guarding your local network.',
          advice:
            'That address is on this machine or in your own network. Allow this site to reach local devices (the icon beside the address bar), or open this page from the gateway itself.',
          detail,
        }
      : {
          headline: 'Browsers do not let an unencrypted public page reach your own network.',
          advice: 'Open this page from the gateway itself, or over https.',
          detail,
        }
  }
  return {
    headline: `Nobody could be reached at ${target.host}.`,
    advice: 'Is it running, is the address right, and is this machine online?',
    detail,
  }
}

/** Why there is no gateway at `url`, in plain words. */
export function explainLookup(
  lookup: Exclude<GatewayLookup, { readonly type: 'found' }>,
  url: string,
  page: PageOrigin,
): Problem {
  if (lookup.type === 'unreachable') return { ...explainUnreached(url, page), detail: lookup.detail }
  return {
    headline: `Something answers at ${url}, but it is not a Rushlight gateway.`,
    advice: 'Check the address with whoever runs the gateway.',
    detail: lookup.detail,
  }
}
