/** The connection doctor in a tab: a file of its own, so that a page can load it when it is asked for. */
import { AGENT } from './driver/version.ts'
import { diagnoseWith } from './host/doctor.ts'
import type { Diagnose } from './host/examination.ts'
import type { RtcConfiguration } from './host/lazy-roads.ts'
import { probeHttp } from './host/probe.browser.ts'
import { createTabLibp2p } from './host/tab-libp2p.ts'
import { BROWSER_TRANSPORTS, browserTransports } from './host/transports.browser.ts'

export type * from './host/examination.ts'
export { describeExamination } from './host/examination.ts'

export const diagnose: Diagnose = async (addresses, options = {}) => {
  const rtcConfiguration = options.rtcConfiguration as RtcConfiguration | undefined
  const transports = browserTransports({ transports: BROWSER_TRANSPORTS, rtcConfiguration })
  const parts = { agent: AGENT, createLibp2p: createTabLibp2p, transports, probe: probeHttp }
  return await diagnoseWith(parts, addresses, options)
}
