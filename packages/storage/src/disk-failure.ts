import { type DiskFault, QuorateError } from '@quorate/base';

/** The error that the rest of the node sees of a fault that is final. */
export function diskFailure(fault: DiskFault): QuorateError {
  return new QuorateError(
    'diskFailed',
    `the disk failed: ${fault.message}`,
    { file: fault.path, operation: fault.operation },
    { cause: fault },
  );
}
