import { multiaddr } from '@multiformats/multiaddr'

/** Undefined when the text is a multiaddr or an http(s) URL; else what was expected and what came, in one line. An app in plain JavaScript may pass anything. */
export function addressProblem(text: unknown): string | undefined {
  if (typeof text !== 'string') return `expected a multiaddr or a gateway's http(s) URL, got ${typeof text}`
  const problem = `expected a multiaddr or a gateway's http(s) URL, got ${JSON.stringify(text.slice(0, 200))}`
  if (/^https?:\/\//i.test(text)) return URL.canParse(text) ? undefined : problem
  if (!text.startsWith('/')) return problem
  try {
    return multiaddr(text).getComponents().length > 0 ? undefined : problem
  } catch {
    return problem
  }
}
