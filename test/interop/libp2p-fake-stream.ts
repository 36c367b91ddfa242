/** As much of a libp2p stream as ours touches. */
export class FakeStream extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  writableNeedsDrain = false
  writeBufferLength = 0
  readBufferLength = 0
  readonly sent: Uint8Array[] = []
  readonly calls: string[] = []
  /** Handed out by `resume`, as libp2p does with what came while paused. */
  held: Uint8Array[] = []

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes)
    return true
  }

  pause(): void {
    this.readStatus = 'paused'
    this.calls.push('pause')
  }

  resume(): void {
    this.readStatus = 'readable'
    this.calls.push('resume')
    const held = this.held.splice(0)
    for (const bytes of held) this.receive(bytes)
    this.calls.push('window opened')
  }

  abort(): void {
    this.status = 'aborted'
  }

  receive(bytes: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: bytes }))
  }
}
