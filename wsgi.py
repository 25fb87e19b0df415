"""What a server imports."""

import gc

from app.factory import create_app

application = create_app()

# What stands now stands for good, so the collector need not look through it again; and a page makes thousands of objects that
# die with it by themselves: looking for cycles after every 700 took a third of the time of a full timetable.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
