import type { Road } from '../core/message.ts'

/** What these transports dial; from a page that came over https a browser opens no plain WebSockets. */
export function roadsOf(transports: readonly (Road | 'websockets')[]): readonly Road[] {
  const { location } = globalThis as { readonly location?: { readonly protocol: string } }
  const webSockets: readonly Road[] = location?.protocol === 'https:' ? ['wss'] : ['ws', 'wss']
  return transports.flatMap((name) => (name === 'websockets' ? webSockets : [name]))
}
