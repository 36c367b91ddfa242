import { carryOutOrders } from './side.ts'

carryOutOrders()
