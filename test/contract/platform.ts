import type { CreateLightNode } from '../../src/driver/api.ts'

export const isTab: boolean = typeof window !== 'undefined'

/** The entry of the platform that this runs on. */
export async function loadCreateLightNode(): Promise<CreateLightNode> {
  if (isTab) return (await import('../../src/browser.ts')).createLightNode
  // By a name that no bundler follows: a tab must not even look at it.
  const entry = '../../src/nodejs.ts'
  return ((await import(/* @vite-ignore */ entry)) as { createLightNode: CreateLightNode }).createLightNode
}
