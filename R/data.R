#' Reaction times in a sleep deprivation study
#'
#' Average reaction time per day of 18 people who were allowed three hours in bed per
#' night. Days 0 and 1 were for adaptation and training, day 2 was the baseline; the
#' restriction began after it. The original analysis used the speed of the reactions and
#' took day as a factor.
#'
#' @format A data frame with 180 rows and 3 columns:
#' \describe{
#'   \item{Reaction}{average reaction time on a day, in milliseconds}
#'   \item{Days}{day of the study, 0 to 9}
#'   \item{Subject}{factor with 18 levels: the person}
#' }
#' @source Belenky, G., Wesensten, N. J., Thorne, D. R., Thomas, M. L., Sing, H. C.,
#'   Redmond, D. P., Russo, M. B. and Balkin, T. J. (2003). Patterns of performance
#'   degradation and restoration during sleep restriction and subsequent recovery: a sleep
#'   dose-response study. *Journal of Sleep Research* **12**, 1--12. The rows are those of
#'   the data set of the same name in the lme4 package.
#' @examples
#' str(sleepstudy)
#' lattice::xyplot(Reaction ~ Days | Subject, sleepstudy, type = c("p", "r"))
"sleepstudy"

#' Growth of pigs in a feeding experiment
#'
#' Weight of 72 pigs, measured weekly for up to twelve weeks, in a factorial experiment with
#' three doses of vitamin E and three doses of copper in the feed. Litter mates are among
#' the pigs.
#'
#' @format A data frame with 861 rows and 8 columns:
#' \describe{
#'   \item{Pig}{factor with 72 levels: the pig}
#'   \item{Evit}{factor: vitamin E (alpha-tocopheryl acetate), 0, 100 or 200 mg per kg feed}
#'   \item{Cu}{factor: copper, 0, 35 or 175 mg per kg feed}
#'   \item{Litter}{factor: the litter that the pig comes from}
#'   \item{Start}{weight in the first week, in kg}
#'   \item{Weight}{weight, in kg}
#'   \item{Feed}{feed eaten since the start, in kg; missing in the first week}
#'   \item{Time}{week of the experiment, 1 to 12}
#' }
#' @source Lauridsen, C., Hojsgaard, S. and Sorensen, M. T. (1999). Influence of dietary
#'   rapeseed oil, vitamin E, and copper on the performance and the antioxidative and
#'   oxidative status of pigs. *Journal of Animal Science* **77**, 906--916. The rows are
#'   those of the data set of the same name in the geepack package.
#' @examples
#' str(dietox)
#' lattice::xyplot(Weight ~ Time | Evit:Cu, dietox, groups = Pig, type = "l")
"dietox"
