from stringx.schemas import write

write()
