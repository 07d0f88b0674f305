import { Quorate } from 'quorate';

/** What one node says of itself, asked at its own address. Rejects if it does not answer in time. */
export async function nodeStatus(address, withinMs = 2000) {
  const quorate = await Quorate.connect([address], { deadlineMs: withinMs });
  try {
    return await quorate.status({ address, deadlineMs: withinMs });
  } finally {
    await quorate.close();
  }
}
