"""A host in a few lines: what stands below an agent, in the hands of a test of its decisions.

The tables are the model of configfs under the real tree. Manager, semaphore and usage say what
they are told to say.
"""
