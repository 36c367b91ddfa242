import { multiaddr } from '@multiformats/multiaddr'

/** Undefined when the text is a multiaddr or an http(s) URL; else what was expected and what came, in one line. */
export function addressProblem(text: string): string | undefined {
  const problem = `expected a multiaddr or a gateway's http(s) URL, got ${JSON.stringify(text.slice(0, 200))}`
  if (/^https?:\/\//i.test(text)) return URL.canParse(text) ? undefined : problem
  if (!text.startsWith('/')) return problem
  try {
    multiaddr(text)
    return undefined
  } catch {
    return problem
  }
}
