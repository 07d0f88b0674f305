import type { CallTime } from '@quorate/machine';

/** Of a call that nobody's patience limits. */
export const FOR_EVER: CallTime = { deadlineMs: Number.POSITIVE_INFINITY };
