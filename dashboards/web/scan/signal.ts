// Sound and vibration, so that nobody has to look: two rising tones for yes, a long low one for no, one for out.
import type { Outcome } from './rule';

export type Tone = 'good' | 'plain' | 'warn' | 'bad';

export const TONES: Record<Outcome, Tone> = {
  admitted: 'good',
  left: 'plain',
  duplicate: 'warn',
  replaced: 'bad',
  cancelled: 'bad',
  wrong_door: 'bad',
  not_now: 'warn',
  voided: 'plain',
  wrong_event: 'bad',
  unknown: 'bad',
};

/** Hertz and seconds, one after the other. */
const SOUNDS: Record<Tone, readonly (readonly [number, number])[]> = {
  good: [
    [880, 0.09],
    [1320, 0.16],
  ],
  plain: [[660, 0.12]],
  warn: [
    [330, 0.14],
    [330, 0.14],
  ],
  bad: [[180, 0.5]],
};
const VIBRATIONS: Record<Tone, number[]> = { good: [60], plain: [40], warn: [80, 60, 80], bad: [350] };
const LOUDNESS = 0.25;
const PAUSE_S = 0.04;

let context: AudioContext | undefined;

/** Browsers let pages sound after somebody has touched them: called with the first touch. */
export function allowSound(): void {
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume();
}

export function signal(outcome: Outcome): void {
  const tone = TONES[outcome];
  if ('vibrate' in navigator) navigator.vibrate(VIBRATIONS[tone]);
  if (context?.state !== 'running') return;
  let at = context.currentTime;
  for (const [pitch, length] of SOUNDS[tone]) {
    const oscillator = new OscillatorNode(context, { frequency: pitch, type: 'square' });
    const gain = new GainNode(context, { gain: LOUDNESS });
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + length);
    at += length + PAUSE_S;
  }
}
