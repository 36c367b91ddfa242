/** Why something on the network did not work. A failure is never misbehaviour: nobody is struck for it. */
export type NetworkFailure =
  | 'timeout' // no answer by the deadline
  | 'closed' // the connection or stream ended, cleanly or not
  | 'unreachable' // nobody listens there, no route, name not found
  | 'undialable' // no transport of this platform can dial the address
  | 'refused' // the remote, or a rule of this platform, said no
  | 'wrong-peer' // somebody else answered than the address names
  | 'unsupported' // the remote does not know the protocol
  | 'cancelled' // we gave it up ourselves

/** What a peer sent that no honest peer sends. Each is a strike. */
export type Misbehaviour =
  | 'undecodable' // bytes that are no message of the protocol, or a frame over its limit
  | 'invalid-header' // breaks a rule of the chain, whatever the time
  | 'unlinked-headers' // an answer whose headers do not follow one another or what was asked
  | 'unasked' // an answer to nothing, or more than was asked for
  | 'flood' // more unconnected announcements than the limit
  | 'invalid-peer-record' // a record that its subject did not sign
  | 'wrong-chain' // another chain or another genesis
  | 'invalid-outline' // an outline that does not fit its header
  | 'invalid-block' // a whole block that is not what its header commits to
  | 'unwanted-block' // blocks that were never asked for, more than a mistake
