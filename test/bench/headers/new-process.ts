import { Worker } from '../exchange/worker.ts'
import type { HeaderOrders } from './side.ts'

/** One side in a new process: what an earlier measure warmed up or left behind is not there. */
export async function inNewProcess<Value>(work: (side: Worker<HeaderOrders>) => Promise<Value>): Promise<Value> {
  const side = new Worker<HeaderOrders>('../headers/side.ts')
  try {
    return await work(side)
  } finally {
    await side.end()
  }
}
