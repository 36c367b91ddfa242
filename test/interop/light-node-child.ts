/**
 * A light node that writes to files until it is killed: `node light-node-child.ts DIRECTORY PEER`.
 * Lines, each out before the next thing happens: `stored HEIGHT ROOT` (at the start), `ready HEIGHT ROOT FETCHED` (headers that
 * came from the network until then), `written COUNT` (headers that an acknowledged write left in the store),
 * `head HEIGHT ROOT`, `warning TEXT`.
 */
import { writeSync } from 'node:fs'
import { startCounted } from './light-nodes.ts'

const [directory = '', peer = ''] = process.argv.slice(2)
const say = (text: string): void => void writeSync(1, `${text}\n`)

const { lightNode, receivedHeaderCount } = await startCounted({
  directory,
  peers: [peer],
  onWritten: (headerCount) => say(`written ${headerCount}`),
})
say(`stored ${lightNode.head.height} ${lightNode.head.root}`)
lightNode.addEventListener('warning', ({ detail }) => say(`warning ${detail.code}: ${detail.detail}`))
await lightNode.ready()
say(`ready ${lightNode.head.height} ${lightNode.head.root} ${receivedHeaderCount()}`)
lightNode.addEventListener('head', ({ detail }) => say(`head ${detail.height} ${detail.root}`))
