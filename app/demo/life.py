"""The life of the demo lab, from its first morning to this minute: sets the scene, lets everybody plan, then plays it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app.demo import joining, places
from app.demo import plans as wishes
from app.demo.anecdotes import Anecdotes
from app.demo.desk import Desk
from app.demo.diary import Diary
from app.demo.people import Person, known, others, team
from app.demo.post import Post
from app.demo.present import Present
from app.demo.presses import Presses
from app.demo.prints import Prints, link_printers
from app.demo.schooling import School
from app.demo.story import Story, wall
from app.demo.visits import Visits
from app.kernel import clock

FIRST_PRICES = 0.9
"""What the first prices were of today's."""


UNREAD = 2
"""How many have signed up without opening their letter yet."""
LAST_SEEN = {"revoked": 60, "suspended": 12, "shut_out": 20}
"""How many days ago something happened to these that keeps them away."""


def live(story: Story, members: int, password_hash: str, folder: Path) -> Presses:
    """Everything, in the caller's transaction; the printers at work have theirs in `folder`, until they are set up."""
    post = Post(story)
    story.after_each = post.write
    hosts = team()
    with clock.at(wall(story.first_day, 8)):
        places.open_the_lab(joining.OPERATOR)
        joining.appoint(story, hosts, password_hash)
        nora, lea, *_rest = hosts
        scene = places.furnish(story, nora.actor)
        places.set_prices(nora.actor, scene.machines.values(), scene.equipment, of=FIRST_PRICES)
        for person in hosts:
            joining.accept_charter(person, scene)
        diary = Diary.of(story, scene)
        linked = link_printers(nora.actor, lea.actor, scene)
        school = School(story, scene, diary, {person.box: person for person in hosts})
        school.appoint_trainers()
    people = known()
    people += others(max(0, members - len(hosts) - len(people) - UNREAD), story.dice("people"))
    _plan_coming_and_going(story, scene, people, password_hash)
    cast = {person.box: person for person in [*hosts, *people]}
    school.plan(people)
    school.ask_for_dates(people)
    desk = Desk(story, [lea, hosts[-1], nora])
    prints = Prints(story, lea, linked)
    with clock.at(wall(story.first_day, 8)):
        for one in linked.values():
            prints.idle(one.link_id)
    visits = Visits(story, scene, diary, desk, prints, host=lea)
    teacher = next(person for person in hosts if person.box == "tom")
    presses = Presses(story, scene, diary, visits, prints, people, teacher, folder)
    presses.plan()
    for plan in wishes.plans(story, diary, [*hosts, *people]):
        visits.expect(plan)
    anecdotes = Anecdotes(story, scene, diary, visits, cast)
    anecdotes.plan()
    anecdotes.newcomers(password_hash)
    story.play()
    with clock.at(story.now):
        Present(story, diary, visits, desk, people).arrange()
        post.write(story.now)
    post.close()
    return presses


def _plan_coming_and_going(story: Story, scene: places.Places, people: list[Person], password_hash: str) -> None:
    for person in people:
        dice = story.dice("joining", person.box)
        person.joins_on = story.first_day + timedelta(days=max(1, round(story.days * person.joins_after)))
        if person.fate in LAST_SEEN:
            person.leaves_on = story.ago(LAST_SEEN[person.fate])
        if person.fate == "waiting":  # comes with the newcomers of the last days
            person.joins_on = story.today
            continue
        if person.fate == "newcomer":
            person.joins_on = story.ago(5)
        if person.leaves_after is not None:
            person.leaves_on = story.first_day + timedelta(days=round(story.days * person.leaves_after))
        story.on(person.joins_on, 9 + dice.random() * 12, lambda p=person: joining.sign_up(p, scene, password_hash))  # type: ignore[misc]
