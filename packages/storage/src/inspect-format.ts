import type { InspectReport, InspectedFile, InspectedGroup, InspectedSnapshot } from './inspect.js';

/** An inspection as text for people, one fact a line. */
export function formatInspect(report: InspectReport): string {
  const lines: string[] = [...identityLines(report)];
  for (const { file, checkpoint, fault } of report.checkpoints) {
    if (fault !== null) lines.push(`${file}: unusable: ${fault}`);
    else if (checkpoint === null) lines.push(`${file}: none`);
    else
      lines.push(
        `${file}: number ${checkpoint.number}, as of frame ${checkpoint.sequence}, ${checkpoint.groups.length} groups, ${checkpoint.files.length} files`,
      );
  }
  for (const file of report.files) lines.push(...fileLines(file));
  for (const group of report.groups) lines.push(groupLine(group));
  for (const snapshot of report.snapshots) lines.push(snapshotLine(snapshot));
  lines.push(`last frame: ${report.lastSequence}`);
  if (report.remains !== null) lines.push(`unacknowledged remains: ${report.remains.file} offset ${report.remains.offset}`);
  lines.push(report.damage.length === 0 ? 'damage: none' : `damage: ${report.damage.length}`);
  for (const { file, offset, what, groups } of report.damage) {
    const touched = groups === null ? 'any group' : groups.length === 0 ? 'no group' : `groups ${groups.join(', ')}`;
    lines.push(`  ${file} offset ${offset}: ${what} (touches ${touched})`);
  }
  return `${lines.join('\n')}\n`;
}

function identityLines({ identity }: InspectReport): string[] {
  if (identity === null) return ['identity: none'];
  const formed = identity.clusterId === null ? 'not formed' : `cluster ${identity.clusterId}`;
  const lines = [
    `identity: node ${identity.nodeId}, incarnation ${identity.incarnation}, ${formed}${identity.isRejoined ? ', rejoined' : ''}`,
  ];
  for (const member of identity.members)
    lines.push(`  member ${member.nodeId} at ${member.address}, incarnation ${member.incarnation ?? 'unknown'}`);
  return lines;
}

function fileLines(file: InspectedFile): string[] {
  const frames =
    file.frames === 0
      ? 'no frames'
      : `frames ${file.firstSequence} to ${file.lastSequence} (${file.frames}), up to offset ${file.endOffset}`;
  const lines = [`${file.file}: ${file.bytes} bytes, ${frames}${file.isHeadSound ? '' : ', head damaged'}`];
  for (const { group, batches, bytes, firstIndex, lastIndex, firstTerm, lastTerm } of file.groups) {
    lines.push(
      `  group ${group}: ${batches} batches, ${bytes} bytes, indexes ${firstIndex} to ${lastIndex}, terms ${firstTerm} to ${lastTerm}`,
    );
  }
  return lines;
}

function snapshotLine({ file, index, shape, isInForce, fault }: InspectedSnapshot): string {
  const what =
    shape === null ? `index ${index}` : `index ${index} of term ${shape.term}, ${shape.length} bytes, voters ${shape.voters.join(', ')}`;
  const state = fault === null ? 'sound' : `DAMAGED at offset ${fault.offset}: ${fault.what}`;
  return `${file}: ${what}, ${isInForce ? 'in force' : 'not in force'}, ${state}`;
}

function groupLine({ group, hardState, firstIndex, lastIndex, batches, terms, isDamaged }: InspectedGroup): string {
  const vote = hardState.votedFor === 0 ? 'no vote' : `vote for ${hardState.votedFor}`;
  const log =
    lastIndex < firstIndex
      ? `empty from ${firstIndex}`
      : `indexes ${firstIndex} to ${lastIndex} in ${batches} batches, ${terms.length} terms`;
  return `group ${group}: term ${hardState.term}, ${vote}${hardState.isLearner ? ', learner' : ''}, ${log}${isDamaged ? ', DAMAGED' : ''}`;
}
