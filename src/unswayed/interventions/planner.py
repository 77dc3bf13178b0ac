"""Thoughts × interventions become planned trials, each with its prefill or the reason why it is not asked."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unswayed import images as image_files
from unswayed.conditions import NotAsked
from unswayed.errors import BadImage
from unswayed.interventions import text_edits
from unswayed.interventions.base_thoughts import BaseThought
from unswayed.interventions.catalogue import INTERVENTIONS, Intervention
from unswayed.interventions.mistakes import choose, rule_mistakes
from unswayed.interventions.paraphrase import Paraphraser, paraphrase
from unswayed.interventions.peers import PeerIndex
from unswayed.interventions.scene_mistakes import scene_mistakes
from unswayed.interventions.turn import Turn
from unswayed.metrics.thought_use import FILLER, MISTAKE, PARAPHRASED, PEER
from unswayed.model_io import Capabilities, Request, Sampling
from unswayed.pipeline.planner import PlannedTrial
from unswayed.question import Cue
from unswayed.scenes import SceneTruth
from unswayed.trial_keys import TrialKeys, identity, trial_seed

_ORDER = {name: index for index, name in enumerate(INTERVENTIONS)}


@dataclass(frozen=True)
class Edit:
    """A changed thought."""

    thought: str
    cue: Cue | None = None
    """What was put into it, and the option that follows from that."""


@dataclass(frozen=True)
class ProbePlanner:
    """Plans the interventions on the thoughts of one run."""

    thoughts: Sequence[BaseThought]
    """All of the run: peers are chosen among them, whatever is asked."""
    capabilities: Capabilities
    letters: bool
    """Letter probabilities may be measured."""
    keys: TrialKeys
    sampling: Sampling
    seed: int
    peers: Mapping[str, str]
    """Peers of an earlier call, by trial identity: the uid whose thought was taken."""
    paraphraser: Paraphraser = paraphrase

    def plan(self, names: Sequence[str], limit: int | None = None) -> Iterator[list[PlannedTrial]]:
        """All planned trials of one thought after the other, in the run's order; at most `limit` thoughts."""
        index = PeerIndex(self.thoughts)
        for number, thought in enumerate(self.thoughts[:limit]):
            images = _images(thought)
            yield [self._trial(number, thought, INTERVENTIONS[name], images, index) for name in names]

    def _trial(
        self,
        number: int,
        own: BaseThought,
        item: Intervention,
        images: tuple[bytes, ...] | BadImage,
        index: PeerIndex,
    ) -> PlannedTrial:
        position = (number, _ORDER[item.name], own.sample)
        edit = self._edit(own, item, index)
        if isinstance(edit, NotAsked) or isinstance(images, BadImage):
            state, reason = (
                ("not-asked", edit.reason) if isinstance(edit, NotAsked) else ("error", str(images))
            )
            key = self.keys.key(own.question, item.name, own.sample, None)
            return PlannedTrial(position, key, own.question, item.condition, None, (), state, reason)
        assert isinstance(own.turn, Turn)
        prefill = own.turn.open(edit.thought) if item.generates else own.turn.closed(edit.thought)
        request = Request(own.prompt(prefill, images, edit.cue), self.sampling, self._seed(own, item))
        key = self.keys.key(own.question, item.name, own.sample, request, own.image_sha256)
        return PlannedTrial(position, key, own.question, item.condition, request, own.image_sha256)

    def _edit(self, own: BaseThought, item: Intervention, index: PeerIndex) -> Edit | NotAsked:
        if self.capabilities.prefill != "continues":
            problem = self.capabilities.prefill_problem
            return NotAsked(f"{problem}, and {item.name} needs one that is continued")
        if not item.generates and not self.letters:
            return NotAsked(f"the model gives no letter probabilities, and {item.name} measures nothing else")
        if not item.generates and not self.capabilities.closed:
            return NotAsked(f"the model's template drops a closed thought, which {item.name} needs")
        turn = own.turn
        if isinstance(turn, NotAsked):
            return turn
        rng = random.Random(self._seed(own, item))
        if item.share is not None:
            return Edit(text_edits.truncate(turn.thought, item.share))
        if item.name == FILLER:
            return Edit(text_edits.filler(turn.thought))
        if item.name == MISTAKE:
            return _mistake(own, turn.thought, rng)
        if item.name == PEER:
            return self._peer(own, item, index, rng)
        if item.name == PARAPHRASED:
            text = self.paraphraser(own.question, turn.thought, rng)
            return text if isinstance(text, NotAsked) else Edit(text)
        shuffled = text_edits.shuffle_sentences(turn.thought, rng)
        return NotAsked("the thought has a single sentence") if shuffled is None else Edit(shuffled)

    def _peer(
        self, own: BaseThought, item: Intervention, index: PeerIndex, rng: random.Random
    ) -> Edit | NotAsked:
        question = own.question
        stored = self.peers.get(identity(question.benchmark, question.uid, item.name, own.sample))
        peer = index.find(question.benchmark, stored, own.sample) if stored else None
        peer = peer or index.choose(own, rng)
        if peer is None or not isinstance(peer.turn, Turn):
            return NotAsked("no question of another group of this run has a thought")
        answer = peer.answer_text
        option = question.options.index(answer) if answer in question.options else None
        return Edit(peer.turn.thought, Cue("thought", option, peer.turn.thought, "peer", peer.question.uid))

    def _seed(self, own: BaseThought, item: Intervention) -> int:
        return trial_seed(self.seed, own.question, item.name, own.sample)


def _mistake(own: BaseThought, thought: str, rng: random.Random) -> Edit | NotAsked:
    scene = own.question.scene
    candidates = scene_mistakes(thought, scene, own.answer, rng) if isinstance(scene, SceneTruth) else []
    mistake = choose(candidates or rule_mistakes(thought, own.question, own.answer, rng), rng)
    if mistake is None:
        return NotAsked(
            "no rule finds an option, a number, a direction or a colour to falsify in the thought"
        )
    cue = Cue("thought", mistake.option, mistake.statement(thought), "mistake", mistake.rule)
    return Edit(mistake.apply(thought), cue)


def _images(thought: BaseThought) -> tuple[bytes, ...] | BadImage:
    try:
        files = tuple(image.read() for image in thought.question.images)
        for data, sha256 in zip(files, thought.image_sha256, strict=True):
            image_files.check(data, sha256[:12])
        return files
    except (BadImage, OSError) as error:
        return error if isinstance(error, BadImage) else BadImage(str(error))
