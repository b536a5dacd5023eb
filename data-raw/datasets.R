# Makes data/sleepstudy.rda and data/dietox.rda from the copies in the lme4 and
# geepack packages. The measurements are published facts; sources in R/data.R.
# Run from the top of the package: Rscript data-raw/datasets.R

from_package <- function(name, package) {
  where <- new.env()
  data(list = name, package = package, envir = where)
  as.data.frame(where[[name]])
}

sleepstudy <- from_package("sleepstudy", "lme4")
dietox <- from_package("dietox", "geepack")
dietox$Pig <- factor(dietox$Pig)
rownames(sleepstudy) <- rownames(dietox) <- NULL

stopifnot(nrow(sleepstudy) == 180, nlevels(sleepstudy$Subject) == 18,
          nrow(dietox) == 861, nlevels(dietox$Pig) == 72)

save(sleepstudy, file = "data/sleepstudy.rda", version = 2, compress = "bzip2")
save(dietox, file = "data/dietox.rda", version = 2, compress = "xz")
